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
    private readonly KeyFolder _folder;
    private volatile Held _held;

    private FleetKeys(KeyFolder folder, IReadOnlyList<DsseEnvelope> roots) => (_folder, _held) = (folder, Load(folder, roots));

    /// <summary>The root that counts.</summary>
    public TrustRoot Root => _held.Root;

    /// <summary>Every root, in order.</summary>
    public IReadOnlyList<DsseEnvelope> Roots => _held.Roots;

    /// <summary>Ids of the keys of the newest root whose private half is here.</summary>
    public IReadOnlyList<string> OnServer => [.. _held.Present().Select(key => key.Public.Id)];

    /// <summary>What is missing here to sign with, a sentence each: it needs a backup or a new key.</summary>
    public IReadOnlyList<string> Problems()
    {
        var held = _held;
        var problems = new List<string>();
        if (held.Releases is null) problems.Add(MissingKey(_folder.ReleaseKey, "releases"));
        if (held.Orders is null) problems.Add(MissingKey(_folder.OrderKey, "orders"));
        return problems;
    }

    /// <summary>Opens the keys of a folder, and makes what was never there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="known">The roots that the database knows; null where there is no database yet.</param>
    /// <param name="time">Says when the first root is made.</param>
    /// <exception cref="InvalidDataException">Something was lost or is broken; the sentence says how to go on.</exception>
    public static FleetKeys OpenOrCreate(KeyFolder folder, IReadOnlyList<DsseEnvelope>? known, TimeProvider time)
        => new(folder, folder.ReadRoots(known) ?? Create(folder, time));

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

    /// <summary>Signs the statement about a release; null when the key is missing, see <see cref="Problems"/>.</summary>
    public DsseEnvelope? SignRelease(byte[] statement) => _held.Releases?.Sign(DsseEnvelope.InToto, statement);

    /// <summary>Signs an order; null when the key is missing, see <see cref="Problems"/>.</summary>
    public DsseEnvelope? SignOrder(DeviceOrder order)
        => _held.Orders?.Sign(DeviceOrder.PayloadType, JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DeviceOrder));

    /// <summary>
    /// A release with a signature of the key that counts now, when one that counted before has signed it: its bytes, and so its digest,
    /// stay. Null when there is nothing to do, or nothing to do it with.
    /// </summary>
    public DsseEnvelope? SignAgain(DsseEnvelope release)
    {
        var held = _held;
        if (held.Releases is not { } key || release.Signatures.Any(signature => signature.KeyId == key.Public.Id)) return null;
        var once = held.Roots.SelectMany(root => RootChain.Peek(root, out _)?.ReleaseKeys() ?? []).DistinctBy(known => known.Id).ToList();
        if (EnvelopeSigners.Of(release, once, out _).Count == 0) return null;
        return key.Sign(release with { Signatures = [.. release.Signatures.Take(Limits.SignaturesPerEnvelope - 1)] });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _held.Present()) key.Dispose();
    }

    /// <summary>
    /// The first root. A release key that devices of an earlier version trust signs it as well: that is how they come to trust it.
    /// </summary>
    private static IReadOnlyList<DsseEnvelope> Create(KeyFolder folder, TimeProvider time)
    {
        using var release = SigningKey.OpenOrCreate(folder.ReleaseKey);
        using var root = KeyFolder.Prepare(folder.RootKey);
        using var orders = KeyFolder.Prepare(folder.OrderKey);
        var first = RootDraft.Unsigned(RootDraft.First(root.Public, release.Public, orders.Public, time.GetUtcNow()));
        IReadOnlyList<DsseEnvelope> roots = [root.Sign(release.Sign(first))];
        folder.WriteRoots(roots);
        return roots;
    }

    private static Held Load(KeyFolder folder, IReadOnlyList<DsseEnvelope> roots)
    {
        var root = RootChain.Peek(roots[^1], out var problem) ?? throw new InvalidDataException(problem);
        KeyFolder.Settle(folder.RootKey, root.Roles.Root);
        KeyFolder.Settle(folder.ReleaseKey, root.Roles.Releases);
        KeyFolder.Settle(folder.OrderKey, root.Roles.Orders);
        // Here, because a server may be killed between the root that says so and this.
        KeyFolder.Retire(folder.RootKey, root.Roles.Root, roots.SelectMany(KeysOfRoot));
        return new Held(
            roots, root, KeyFolder.Open(folder.RootKey, root.Roles.Root), KeyFolder.Open(folder.ReleaseKey, root.Roles.Releases),
            KeyFolder.Open(folder.OrderKey, root.Roles.Orders));
    }

    private static IEnumerable<string> KeysOfRoot(DsseEnvelope root) => RootChain.Peek(root, out _)?.Roles.Root.Keys ?? [];

    private static string MissingKey(string file, string role) => $"{file} is missing, or is not the key that the newest root names: no "
        + $"{role} can be signed. Restore it from a backup, or replace it: fleet keys rotate {role}";

    /// <summary>The roots and those keys of the newest one that are here.</summary>
    private sealed record Held(
        IReadOnlyList<DsseEnvelope> Roots, TrustRoot Root, SigningKey? RootKey, SigningKey? Releases, SigningKey? Orders)
    {
        public IEnumerable<SigningKey> Present() => new[] { RootKey, Releases, Orders }.OfType<SigningKey>();
    }
}
