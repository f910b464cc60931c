using System.Collections.Frozen;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>
/// The keys of the fleet and the roots that name them. Made at the first start without a ceremony; the root's own key can leave the
/// server when somebody is ready.
/// </summary>
internal sealed partial class FleetKeys : IDisposable
{
    private readonly Lock _lock = new();
    private readonly KeyPlaces _places;
    private volatile Held _held;

    private FleetKeys(KeyPlaces places, IReadOnlyList<DsseEnvelope> roots) => (_places, _held) = (places, Load(places, roots));

    /// <summary>The root that counts.</summary>
    public TrustRoot Root => _held.Root;

    /// <summary>Every root, in order.</summary>
    public IReadOnlyList<DsseEnvelope> Roots => _held.Roots;

    /// <summary>Ids of the keys of the newest root whose private half is here.</summary>
    public IReadOnlyList<string> OnServer => [.. _held.Present().Select(key => key.Public.Id)];

    /// <summary>What is missing here to sign with, a sentence each: it needs a backup, a new key, or a module that answers.</summary>
    public IReadOnlyList<string> Problems()
        => [.. new[] { Found(ForReleases).Problem("releases"), Found(ForOrders).Problem("orders") }.OfType<string>().Distinct()];

    /// <summary>Opens the keys of a folder, and makes what was never there.</summary>
    /// <param name="places">Where they lie.</param>
    /// <param name="known">The roots that the database knows; null where there is no database yet.</param>
    /// <param name="time">Says when the first root is made.</param>
    /// <exception cref="InvalidDataException">Something was lost or is broken; the sentence says how to go on.</exception>
    public static FleetKeys OpenOrCreate(KeyPlaces places, IReadOnlyList<DsseEnvelope>? known, TimeProvider time)
        => new(places, places.Folder.ReadRoots(known) ?? Create(places, time));

    /// <summary>
    /// Whether a root is one of this server's: it has none of that version, or another, when keys were restored or are elsewhere.
    /// </summary>
    /// <param name="version">Its version.</param>
    /// <param name="digest">SHA-256 of its payload; null when that is not known, and then the version decides.</param>
    public bool Has(int version, string? digest)
        => version <= Roots.Count && (version < 1 || digest is null || Roots[version - 1].Digest() == digest);

    /// <summary>Roots for a device that trusts that version, as many as one message holds; the newest ones when it is not known.</summary>
    public IReadOnlyList<DsseEnvelope> RootsAfter(int? version)
        => [.. _held.Roots.Skip(version ?? Math.Max(0, _held.Roots.Count - Limits.RootsPerMessage)).Take(Limits.RootsPerMessage)];

    /// <summary>
    /// Roots for a device that joins: from the one its token names; the newest alone when it names none. Null when none is named so.
    /// </summary>
    public IReadOnlyList<DsseEnvelope>? RootsFrom(string? digest)
    {
        var roots = _held.Roots;
        if (digest is null) return [roots[^1]];
        for (var i = 0; i < roots.Count; i++)
            if (roots[i].Digest() == digest) return RootsAfter(i);
        return null;
    }

    /// <summary>Keys that orders of an epoch were signed with: of all its roots, because an order outlives its key.</summary>
    public IReadOnlyList<ReleaseKey> OrderKeysOf(long epoch)
        => [
            .. Roots.Select(root => RootChain.Peek(root, out _)).OfType<TrustRoot>().Where(root => root.OrderEpoch == epoch)
                .SelectMany(root => root.OrderKeys()).DistinctBy(key => key.Id),
        ];

    /// <summary>Signs the statement about a release; null when the key is missing, see <see cref="Problems"/>.</summary>
    public DsseEnvelope? SignRelease(byte[] statement) => Found(ForReleases).Sign(DsseEnvelope.InToto, statement);

    /// <summary>Signs an order; null when the key is missing, see <see cref="Problems"/>.</summary>
    public DsseEnvelope? SignOrder(DeviceOrder order)
        => Found(ForOrders).Sign(DeviceOrder.PayloadType, JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DeviceOrder));

    /// <summary>
    /// A release with a signature of the key that counts now, when one that counted before has signed it: its bytes, and so its digest,
    /// stay. Null when there is nothing to do, or nothing to do it with.
    /// </summary>
    public DsseEnvelope? SignAgain(DsseEnvelope release)
    {
        var releases = Found(ForReleases);
        if (releases.Key is not { } key || release.Signatures.Any(signature => signature.KeyId == key.Public.Id)) return null;
        var once = Roots.SelectMany(root => RootChain.Peek(root, out _)?.ReleaseKeys() ?? []).DistinctBy(known => known.Id).ToList();
        if (EnvelopeSigners.Of(release, once, out _).Count == 0) return null;
        return releases.Sign(release with { Signatures = [.. release.Signatures.Take(Limits.SignaturesPerEnvelope - 1)] });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _held.Present()) key.Dispose();
    }

    /// <summary>
    /// The first root. A release key that devices of an earlier version trust signs it as well: that is how they come to trust it.
    /// </summary>
    private static IReadOnlyList<DsseEnvelope> Create(KeyPlaces places, TimeProvider time)
    {
        using var release = places.FirstReleaseKey();
        using var root = places.Root.Prepare(FrozenSet<string>.Empty);
        using var orders = places.Orders.Prepare(FrozenSet<string>.Empty);
        var first = RootDraft.Unsigned(RootDraft.First(root.Public, release.Public, orders.Public, time.GetUtcNow()));
        IReadOnlyList<DsseEnvelope> roots = [root.Sign(release.Sign(first))];
        places.Folder.WriteRoots(roots);
        return roots;
    }

    private static Held Load(KeyPlaces places, IReadOnlyList<DsseEnvelope> roots)
    {
        var root = RootChain.Peek(roots[^1], out var problem) ?? throw new InvalidDataException(problem);
        var named = NamedIn(roots);
        // Here, because a server may be killed between the root that says so and this.
        places.Root.Settle(root.Roles.Root, named);
        places.Releases.Settle(root.Roles.Releases, named);
        places.Orders.Settle(root.Roles.Orders, named);
        return new Held(
            roots, root, places.Root.Open(root.Roles.Root), FoundKey.In(places.Releases, root.Roles.Releases),
            FoundKey.In(places.Orders, root.Roles.Orders));
    }

    private static HashSet<string> NamedIn(IEnumerable<DsseEnvelope> roots)
        => [.. roots.SelectMany(root => RootChain.Peek(root, out _)?.Keys ?? []).Select(key => key.Id)];

    /// <summary>
    /// The key of a role. One that was missing is looked for again, because a module or a backup may be back; a missing key of the other
    /// role costs nothing.
    /// </summary>
    private FoundKey Found(Func<Held, FoundKey> role)
    {
        if (role(_held) is { Key: not null } found) return found;
        lock (_lock) return role(_held = Load(_places, _held.Roots));
    }

    private static FoundKey ForReleases(Held held) => held.Releases;

    private static FoundKey ForOrders(Held held) => held.Orders;

    /// <summary>The roots and those keys of the newest one that are here.</summary>
    private sealed record Held(
        IReadOnlyList<DsseEnvelope> Roots, TrustRoot Root, SigningKey? RootKey, FoundKey Releases, FoundKey Orders)
    {
        public IEnumerable<SigningKey> Present() => new[] { RootKey, Releases.Key, Orders.Key }.OfType<SigningKey>();
    }
}
