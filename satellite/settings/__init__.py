"""Settings: what there is to set (`declaration`), and which flag, file or environment name a value came from (`sources`).

The only room that knows flags, files and environment names; below `app` everybody takes plain arguments.
"""

from satellite.settings.declaration import (
    CERTIFICATES,
    NEIGHBOURS_PORTS,
    PORTS,
    SECOND_PORTS,
    BadSetting,
    Settings,
    help_of,
    names_of,
)
from satellite.settings.no_effect import NO_EFFECT, NO_EFFECT_PREFIXES
from satellite.settings.sources import BASE_CONFIG, ENVIRONMENT_PREFIX, Loaded, Shown, load
from satellite.settings.values import ANY_FREE_PORT, OFF

__all__ = [
    "ANY_FREE_PORT",
    "BASE_CONFIG",
    "CERTIFICATES",
    "ENVIRONMENT_PREFIX",
    "NEIGHBOURS_PORTS",
    "NO_EFFECT",
    "NO_EFFECT_PREFIXES",
    "OFF",
    "PORTS",
    "SECOND_PORTS",
    "BadSetting",
    "Loaded",
    "Settings",
    "Shown",
    "help_of",
    "load",
    "names_of",
]
