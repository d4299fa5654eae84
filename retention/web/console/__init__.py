"""The team's pages: one module per page; each only asks the services and shows what they say."""
