from loadtests.figures import Comparison, Phase, Speedup
from loadtests.report import against_plain, against_stock, table


def test_table_for_a_terminal_and_for_markdown() -> None:
    header, rows = ("load", "rate"), [("text", "10.5"), ("an image", "2.0")]
    assert table(header, rows, markdown=False).splitlines() == ["load      rate", "text      10.5", "an image  2.0"]
    assert table(header, rows, markdown=True).splitlines() == [
        "| load     | rate |",
        "| -------- | ---- |",
        "| text     | 10.5 |",
        "| an image | 2.0  |",
    ]


def test_against_stock() -> None:
    ours = Phase(1.0, [0.020, 0.040], tokens=100, server_cpu=0.010, load_cpu=0.1)
    stock = Phase(2.0, [0.040, 0.050], tokens=100, server_cpu=0.020, load_cpu=0.5)
    text = against_stock([Comparison("text", 8, [ours] * 3, [stock] * 3)], markdown=True)
    cells = [cell.strip() for cell in text.splitlines()[2].strip("| ").split("|")]
    rate, wait = ["2.0", "1.0", "2.00 (2.00-2.00)", "100", "50"], ["20.0", "40.0", "0.50 (0.50-0.50)"]
    assert cells == ["text", "8", *rate, *wait, "40.0", "50.0", "0.80 (0.80-0.80)", "5.0", "10.0", "25", "pass"]


def test_against_plain() -> None:
    text = against_plain([Speedup("sound", 16, [9.0, 10.0, 11.0], [5.0, 5.0, 5.0], True)], markdown=False)
    assert text.splitlines()[1].split() == ["sound", "16", "10.0", "5.0", "2.00", "(1.80-2.20)", "yes"]
