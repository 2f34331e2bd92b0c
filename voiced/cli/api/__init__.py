"""`voiced api`: the helpers of the API, from the shell."""
