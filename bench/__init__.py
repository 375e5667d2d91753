"""What the product does in a second: `python -m bench [SCENARIO ...]`; see docs/performance.md."""
