from __future__ import annotations

import pytest

from streams.main import PROCESSORS, main


def test_an_unknown_processor_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=rf"no processor is called 'sorter': .*{PROCESSORS[0]}"):
        main("sorter")
