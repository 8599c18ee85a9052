"""What the backtest pages share: the form's reading, costs in plain figures, drawings."""
