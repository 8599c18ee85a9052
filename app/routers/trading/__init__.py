"""TRADING pages: from rows of cycles, orders and money to what people read of them."""
