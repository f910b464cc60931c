namespace Fleet.Server.Http;

/// <summary>Something beside this server that a request needs does not answer: 503, with the message as its sentence.</summary>
internal sealed class UnavailableException(string message, Exception inner) : Exception(message, inner);
