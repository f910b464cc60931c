using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.TestKit;

/// <summary>A fleet with keys of its own: its roots, and orders that its devices accept. Tests then change one thing.</summary>
public sealed class SignedFleet : IDisposable
{
    private readonly List<ECDsa> _keys = [];
    private readonly TimeProvider _time;
    private ECDsa[] _rootKeys;

    /// <param name="time">The clock that signs.</param>
    /// <param name="rootKeys">Keys of the root role.</param>
    /// <param name="threshold">How many of them must sign.</param>
    /// <param name="name">What names the fleet.</param>
    public SignedFleet(
        TimeProvider? time = null, int rootKeys = 1, int threshold = 1, string name = "00112233445566778899aabbccddeeff")
    {
        _time = time ?? TimeProvider.System;
        _rootKeys = [.. Enumerable.Range(0, rootKeys).Select(_ => NewKey())];
        (ReleaseKey, OrderKey) = (NewKey(), NewKey());
        var now = _time.GetUtcNow();
        Root = new TrustRoot
        {
            Fleet = name,
            Version = 1,
            IssuedAt = now,
            ExpiresAt = now.AddYears(1),
            OrderEpoch = 1,
            Keys = [],
            Roles = new TrustRoles(Role([], threshold), Role([], 1), Role([], 1)),
        };
        Root = Named(Root, threshold);
        Roots = [Sign(Root, [.. _rootKeys, ReleaseKey])];
    }

    /// <summary>Signs releases now.</summary>
    public ECDsa ReleaseKey { get; private set; }

    /// <summary>Signs orders now.</summary>
    public ECDsa OrderKey { get; private set; }

    /// <summary>Sign the next root.</summary>
    public IReadOnlyList<ECDsa> RootKeys => _rootKeys;

    /// <summary>The newest root.</summary>
    public TrustRoot Root { get; private set; }

    /// <summary>All of them.</summary>
    public IReadOnlyList<DsseEnvelope> Roots { get; private set; }

    /// <summary>The public half of a key.</summary>
    public static ReleaseKey PublicOf(ECDsa key) => Contracts.Releases.ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());

    /// <summary>A root with these signatures.</summary>
    public static DsseEnvelope Sign(TrustRoot root, params IEnumerable<ECDsa> keys) => keys.Aggregate(
        new DsseEnvelope
        {
            PayloadType = TrustRoot.PayloadType,
            Payload = JsonSerializer.SerializeToUtf8Bytes(root, FleetJson.Default.TrustRoot),
            Signatures = [],
        }, (envelope, key) => envelope.SignedBy(key));

    /// <summary>A key that is disposed of with the fleet.</summary>
    public ECDsa NewKey()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _keys.Add(key);
        return key;
    }

    /// <summary>The next root, with new keys where that is asked for; it counts from now on.</summary>
    public DsseEnvelope Rotate(
        bool releases = false, bool orders = false, ECDsa[]? root = null, int threshold = 1, bool raiseEpoch = false,
        DateTimeOffset? expiresAt = null)
    {
        var before = _rootKeys;
        if (releases) ReleaseKey = NewKey();
        if (orders) OrderKey = NewKey();
        _rootKeys = root ?? _rootKeys;
        Root = Named(Root, threshold) with
        {
            Version = Root.Version + 1,
            OrderEpoch = Root.OrderEpoch + (raiseEpoch ? 1 : 0),
            ExpiresAt = expiresAt ?? Root.ExpiresAt,
        };
        var envelope = Sign(Root, before.Union(_rootKeys));
        Roots = [.. Roots, envelope];
        return envelope;
    }

    /// <summary>An order as the true server would sign it, with one thing changed.</summary>
    public DeviceOrder Order(string device, long revision, params IEnumerable<Assignment> assignments) => new()
    {
        Fleet = Root.Fleet,
        Device = DeviceId.Parse(device),
        Epoch = Root.OrderEpoch,
        Revision = revision,
        IssuedAt = _time.GetUtcNow(),
        ExpiresAt = _time.GetUtcNow().AddDays(90),
        Assignments = [.. assignments.Select(assignment => assignment.Ordered())],
    };

    /// <summary>An order in its envelope.</summary>
    public DsseEnvelope Sign(DeviceOrder order, ECDsa? key = null) => DsseEnvelope.Sign(
        DeviceOrder.PayloadType, JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DeviceOrder), key ?? OrderKey);

    /// <summary>A desired state with its order and all roots.</summary>
    public DesiredState Desired(string device, long revision, params IReadOnlyList<Assignment> assignments) => new()
    {
        Revision = revision,
        Assignments = assignments,
        Order = Sign(Order(device, revision, assignments)),
        Roots = [.. Roots.TakeLast(Limits.RootsPerMessage)],
    };

    /// <summary>The same, whose order withdraws releases too.</summary>
    public DesiredState Withdrawing(
        string device, long revision, IReadOnlyList<WithdrawnRelease> withdrawn, params IReadOnlyList<Assignment> assignments)
        => Desired(device, revision, assignments) with
        {
            Order = Sign(Order(device, revision, assignments) with { Withdrawn = withdrawn }),
        };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _keys) key.Dispose();
    }

    private static TrustRole Role(IEnumerable<ECDsa> keys, int threshold) => new([.. keys.Select(key => PublicOf(key).Id)], threshold);

    private TrustRoot Named(TrustRoot root, int threshold) => root with
    {
        Keys = [.. _rootKeys.Append(ReleaseKey).Append(OrderKey).Select(PublicOf)],
        Roles = new TrustRoles(Role(_rootKeys, threshold), Role([ReleaseKey], 1), Role([OrderKey], 1)),
    };
}
