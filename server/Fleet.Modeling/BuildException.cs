namespace Fleet.Modeling;

/// <summary>A build that ends because of what it was given: the message is for the operator, names the value and says what to do.</summary>
internal sealed class BuildException(string message, Exception? inner = null) : Exception(message, inner);
