namespace Fleet.Server.Http;

/// <summary>What rooms know of a request beyond its answer, for the audit trail.</summary>
internal sealed class RequestNotes
{
    /// <summary>Who asks, where the request proves it by something else than a key: a join token, a key that was revoked.</summary>
    public string? Who { get; set; }

    /// <summary>Why it is refused: the title of its problem.</summary>
    public string? Why { get; set; }

    /// <summary>True of a read that signs somebody in, or tries to.</summary>
    public bool IsSignIn { get; set; }

    /// <summary>The notes of a request.</summary>
    public static RequestNotes Of(HttpContext context)
    {
        if (context.Items.TryGetValue(typeof(RequestNotes), out var found)) return (RequestNotes)found!;
        var notes = new RequestNotes();
        context.Items[typeof(RequestNotes)] = notes;
        return notes;
    }
}

/// <summary>Says of an endpoint that an answer of this status changes nothing that anybody asks about later: it is not audited.</summary>
/// <param name="Status">The status.</param>
internal sealed record Routine(int Status);
