"""What a server tells of itself: figures, traces and log lines; never what was said."""
