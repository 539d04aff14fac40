"""`tuya-ble`, the command line of tuya-ble-sdk, on the virtual radio: the transport first, then its own arguments."""

from __future__ import annotations

import sys

from on_bumble import put_bleak_on
from tuya_ble_sdk.cli import app

if __name__ == "__main__":
    put_bleak_on(sys.argv.pop(1))
    app()
