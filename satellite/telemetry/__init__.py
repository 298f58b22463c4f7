"""What the satellite says of itself: log lines (`logs`), metrics (`metrics`), and who counts the one and writes the other (`witness`)."""
