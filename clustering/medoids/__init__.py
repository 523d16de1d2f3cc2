"""k-medoids: members that represent all rows, by any distance between them."""
