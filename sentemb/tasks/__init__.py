"""What people do with embeddings, one file a task: search, clusters, duplicates, few labels.

The functions are exported by `sentemb` under the names of the commands; each is imported from its
own file, since file and function share a name.
"""
