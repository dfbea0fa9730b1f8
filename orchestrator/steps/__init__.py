"""The steps of the workflow, one noun each. A step may be cut off anywhere and run again: what it writes has derived identifiers, and
what it asks of other services has idempotency keys made of the run, the step and a number.
"""
