namespace Fleet.Server.Http;

/// <summary>Said of a POST that only asks: it may be sent again as it is, and no answer of it is kept.</summary>
internal sealed record ChangesNothing;
