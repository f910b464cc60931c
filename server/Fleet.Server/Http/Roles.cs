namespace Fleet.Server.Http;

/// <summary>What a caller may do. A caller may have several; nothing follows from one but what is written here.</summary>
internal static class Roles
{
    /// <summary>Reads what operators read, and changes nothing.</summary>
    public const string Viewer = "viewer";

    /// <summary>Reads, and changes devices, builds, releases and rollouts.</summary>
    public const string Operator = "operator";

    /// <summary>Reads, and approves what others have started.</summary>
    public const string Approver = "approver";

    /// <summary>Everything, API keys and the audit trail included.</summary>
    public const string Admin = "admin";

    /// <summary>Leases builds and uploads what comes out.</summary>
    public const string Worker = "worker";

    /// <summary>A device, known by its certificate; never a key.</summary>
    public const string Device = "device";

    /// <summary>What a key may be given.</summary>
    public static readonly IReadOnlyList<string> OfKeys = [Viewer, Operator, Approver, Admin, Worker];

    /// <summary>The roles for which a door opens that asks for <paramref name="role"/>.</summary>
    public static IReadOnlyList<string> ThatPass(string role) => role switch
    {
        Viewer => [Viewer, Operator, Approver, Admin],
        Operator or Approver or Worker => [role, Admin],
        _ => [role],
    };
}
