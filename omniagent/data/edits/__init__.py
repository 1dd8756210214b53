"""Edit records: pairs of pictures found in videos or made by filling, and the instruction between them."""
