using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>What a root must hold to. The server checks before it signs, the device again before it trusts.</summary>
public static class RootRules
{
    /// <summary>Digits of the name of a fleet.</summary>
    public const int FleetLength = 32;

    /// <summary>What the SubjectPublicKeyInfo of an uncompressed P-256 key begins with; 64 bytes of the point follow.</summary>
    private static readonly byte[] P256 = Convert.FromHexString("3059301306072a8648ce3d020106082a8648ce3d03010703420004");

    /// <summary>Every rule <paramref name="root"/> breaks, a sentence each.</summary>
    public static IReadOnlyList<string> ProblemsOf(TrustRoot root)
    {
        var problems = new List<string>();
        if (root.Fleet.Length != FleetLength || !root.Fleet.All(char.IsAsciiHexDigitLower))
            problems.Add($"Fleet '{root.Fleet}' must be {FleetLength} lower-case hexadecimal digits.");
        if (root.Version < 1) problems.Add($"Version {root.Version} must be at least 1.");
        if (root.OrderEpoch < 1) problems.Add($"The epoch of orders {root.OrderEpoch} must be at least 1.");
        if (root.ExpiresAt <= root.IssuedAt) problems.Add("The root expires before it was made.");
        if (root.Keys.Count is 0 or > Limits.KeysPerRoot)
            problems.Add($"A root names 1 to {Limits.KeysPerRoot} keys, not {root.Keys.Count}.");
        problems.AddRange(root.Keys.Select(ProblemOf).OfType<string>());
        if (root.Keys.DistinctBy(key => key.Id).Count() != root.Keys.Count) problems.Add("A key stands twice.");
        problems.AddRange(ProblemsOf(root.Roles, root.Keys));
        return problems;
    }

    /// <summary>What is wrong with a key; null when nothing is.</summary>
    public static string? ProblemOf(ReleaseKey key) => key switch
    {
        _ when key.PublicKey.Length != P256.Length + 64 || !key.PublicKey.AsSpan().StartsWith(P256)
            => $"Key {EnvelopeSigners.Shortened([key.Id])} is not an ECDSA P-256 public key.",
        _ when ReleaseKey.IdOf(key.PublicKey) != key.Id => $"Key {EnvelopeSigners.Shortened([key.Id])} has the id of another key.",
        _ => null,
    };

    private static IEnumerable<string> ProblemsOf(TrustRoles roles, IReadOnlyList<ReleaseKey> keys)
    {
        (string Name, TrustRole Role)[] all = [("root", roles.Root), ("releases", roles.Releases), ("orders", roles.Orders)];
        foreach (var (name, role) in all)
        {
            if (role.Keys.Count == 0 || role.Keys.Distinct().Count() != role.Keys.Count)
                yield return $"The role {name} names no key, or one twice.";
            if (role.Keys.FirstOrDefault(id => keys.All(key => key.Id != id)) is { } unknown)
                yield return $"The role {name} names key {EnvelopeSigners.Shortened([unknown])}, which the root does not hold.";
            if (role.Threshold < 1 || role.Threshold > role.Keys.Count)
                yield return $"The threshold {role.Threshold} of {name} must be within 1..{role.Keys.Count}.";
            // What the server signs by itself, it signs with one key; several of them on one machine would be no more than one.
            if (name != "root" && role.Threshold > 1) yield return $"The threshold of {name} must be 1.";
        }
        // A key that lies on the server must not be able to say which keys count.
        if (all.SelectMany(one => one.Role.Keys.Distinct()).GroupBy(id => id).FirstOrDefault(group => group.Count() > 1) is { } shared)
            yield return $"Key {EnvelopeSigners.Shortened([shared.Key])} has two roles; a key has one.";
    }
}
