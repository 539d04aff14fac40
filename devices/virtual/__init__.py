"""Virtual devices: real GATT servers on a virtual radio, with physics behind them. Needs the extra `demo`."""
