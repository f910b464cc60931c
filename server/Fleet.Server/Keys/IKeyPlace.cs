using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>Where the key of one role lies: a file of the data folder, or a security module.</summary>
internal interface IKeyPlace
{
    /// <summary>What it is called in a sentence.</summary>
    string Name { get; }

    /// <summary>The key that a role names; null when it is not here.</summary>
    /// <exception cref="KeyUnavailableException">What holds it does not answer.</exception>
    SigningKey? Open(TrustRole role);

    /// <summary>The key that is to take the place of the one in use: made once, however often it is asked for.</summary>
    /// <param name="named">Ids of all keys that a root has named: none of them is new.</param>
    /// <exception cref="KeyUnavailableException">What would hold it does not answer.</exception>
    SigningKey Prepare(IReadOnlySet<string> named);

    /// <summary>True when a key that a role names is here, in use or waiting.</summary>
    /// <exception cref="KeyUnavailableException">What would hold it does not answer.</exception>
    bool Has(TrustRole role);

    /// <summary>Puts a key that waits into place once a role names it, and removes one that counted before and does not any more.</summary>
    /// <param name="role">Who counts.</param>
    /// <param name="named">Ids of all keys that a root has named.</param>
    void Settle(TrustRole role, IReadOnlySet<string> named);
}

/// <summary>A key is there and cannot be used now. The sentence says why; nothing was lost.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What it came from.</param>
internal sealed class KeyUnavailableException(string message, Exception? inner = null) : IOException(message, inner);
