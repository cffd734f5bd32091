"""`python -m loadtests.vllm_bench`: `vllm bench serve` as it is, the independent load generator, on any build of vLLM.

The `vllm` command itself wants a distribution of that name, and the build for processors has another.
"""

from __future__ import annotations

from vllm.benchmarks.serve import add_cli_args
from vllm.benchmarks.serve import main as bench_serve
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    parser = FlexibleArgumentParser(prog="python -m loadtests.vllm_bench", description="`vllm bench serve`.")
    add_cli_args(parser)
    bench_serve(parser.parse_args())


if __name__ == "__main__":
    main()
