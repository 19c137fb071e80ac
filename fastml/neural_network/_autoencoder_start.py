"""x"""
def begin_with(e, network, X): raise NotImplementedError
