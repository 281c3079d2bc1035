"""Dockerfiles: where does the image keep pip's checkouts?"""
