"""A network in a box: namespaces for routers, switches and clients, and a demonstration that runs in them."""
