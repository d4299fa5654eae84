"""Frames in, frames out: economics, payment, service, satisfaction and fit."""
