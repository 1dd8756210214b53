"""Looking at finished records: checks of each line, and a page that shows them."""
