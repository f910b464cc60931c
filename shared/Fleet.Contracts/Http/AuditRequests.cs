using System.Text.Json;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/audit: a line of the audit trail.</summary>
/// <param name="Number">Its number.</param>
/// <param name="At">When.</param>
/// <param name="Who">The person, program or device.</param>
/// <param name="From">The address it came from.</param>
/// <param name="What">What was done or tried: method and path, or a sentence of the server.</param>
public sealed record AuditView(long Number, DateTimeOffset At, string Who, string From, string What)
{
    /// <summary>How it was answered.</summary>
    public int? Status { get; set; }

    /// <summary>The key or session that proved who it was.</summary>
    public string? Proof { get; set; }

    /// <summary>Why it was refused.</summary>
    public string? Why { get; set; }

    /// <summary>What it changed, the first of them.</summary>
    public IReadOnlyList<AuditChangeView> Changes { get; set; } = [];

    /// <summary>How many more it changed.</summary>
    public int MoreChanges { get; set; }

    /// <summary>Hash of the line and of the one before; null in lines of servers before 0.3.</summary>
    public string? Chain { get; set; }
}

/// <summary>A document before and after a change, in what differs.</summary>
/// <param name="What">Type and id, such as <c>device/press-7</c>.</param>
/// <param name="Before">What it was; null when it was created.</param>
/// <param name="After">What it became; null when it was removed.</param>
public sealed record AuditChangeView(string What, JsonElement? Before = null, JsonElement? After = null);

/// <summary>GET /api/v1/audit/verification: whether the trail holds together.</summary>
/// <param name="Lines">Lines of the file.</param>
/// <param name="Problems">What does not hold together, a sentence each.</param>
/// <param name="First">Number of the first line that carries a hash.</param>
/// <param name="Last">Number of the last.</param>
/// <param name="Chain">Its hash: kept elsewhere, it shows later that nothing before it was changed.</param>
public sealed record AuditVerification(
    long Lines, IReadOnlyList<string> Problems, long? First = null, long? Last = null, string? Chain = null);
