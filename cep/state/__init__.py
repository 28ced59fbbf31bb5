"""Where the state of keys is kept between batches, and the form it is kept in."""
