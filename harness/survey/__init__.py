"""What is there before a training: suite, data, model, record and machine, put together for advice."""
