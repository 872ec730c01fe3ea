"""The check of config.json that every create makes: structure first, then the rules; the first fault ends it."""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.spec.normal import normalize
from pyruntime.spec.rules import faults
from pyruntime.spec.warnings import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def validate(config: object, *, strict: bool = False) -> list[str]:
    """Raise SpecError for the first fault of *config*; return what is only odd, as lines.

    *config* is brought into its normal form (normal.py); with *strict* what is not in it is a fault.
    """
    odd = normalize(config, strict=strict)
    checked = _structure(config)
    for pointer, message in faults(checked):
        raise SpecError(pointer, message)
    return [f"{pointer}: {message}" for pointer, message in (*odd, *warnings(checked))]


def _structure(config: object) -> dict[str, Any]:
    import pyruntime.spec._config_schema as _config_schema

    try:
        _config_schema.check(config)
    except _config_schema.Fault as fault:
        from pyruntime.spec.wording import not_found

        raise SpecError(fault.pointer, fault.message + not_found(*fault.found)) from None
    assert isinstance(config, dict)
    return config
