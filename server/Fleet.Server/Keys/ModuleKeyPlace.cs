using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>
/// A key in a security module: all keys under one label, of which the roots say which counts. Until a root names one of them, the key of
/// the file goes on signing, so that a fleet moves into a module by replacing a key.
/// </summary>
/// <param name="module">The module.</param>
/// <param name="label">What its keys of this role are called.</param>
/// <param name="file">Where the key lay before.</param>
internal sealed class ModuleKeyPlace(SecurityModule module, string label, FileKeyPlace file) : IKeyPlace
{
    /// <inheritdoc/>
    public string Name => $"Key '{label}' of {module.Name}";

    /// <inheritdoc/>
    public SigningKey? Open(TrustRole role) => file.Open(role) ?? Find(key => role.Keys.Contains(key.Public.Id));

    /// <inheritdoc/>
    public SigningKey Prepare(IReadOnlySet<string> named)
        => Find(key => !named.Contains(key.Public.Id)) ?? new SigningKey(module.Generate(label));

    /// <inheritdoc/>
    public bool Has(TrustRole role)
    {
        using var key = Open(role);
        return key is not null;
    }

    /// <inheritdoc/>
    public void Settle(TrustRole role, IReadOnlySet<string> named) => file.Settle(role, named);

    private SigningKey? Find(Predicate<SigningKey> isIt)
    {
        SigningKey? found = null;
        foreach (var key in module.KeysOf(label).Select(key => new SigningKey(key)))
        {
            if (found is null && isIt(key)) found = key;
            else key.Dispose();
        }
        return found;
    }
}
