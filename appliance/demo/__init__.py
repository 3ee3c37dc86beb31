"""`make demo`: a whole room on simulated devices, checked from outside by programs nobody here wrote."""
