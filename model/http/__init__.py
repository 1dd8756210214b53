"""What every client of a server needs: an event loop, proxies, refusals."""
