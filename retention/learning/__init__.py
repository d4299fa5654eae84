"""Fit, calibrate and back-test models; what they predict with lives in `scoring`."""
