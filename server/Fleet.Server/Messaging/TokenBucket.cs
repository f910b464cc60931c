namespace Fleet.Server.Messaging;

/// <summary>
/// Allows <paramref name="burst"/> at once and <paramref name="perSecond"/> for long. What is taken beyond that is owed, and paid by
/// waiting. Pure: the time is handed in.
/// </summary>
/// <param name="perSecond">Tokens that come back each second.</param>
/// <param name="burst">Tokens that may be taken at once.</param>
/// <param name="longest">What is owed is paid within that time, however much was taken.</param>
internal sealed class TokenBucket(double perSecond, double burst, TimeSpan longest)
{
    private double _spent;
    private TimeSpan _at;

    /// <summary>True when at least half of the burst is there again.</summary>
    public bool HasRecovered => _spent <= burst / 2;

    /// <summary>True when nothing was taken that has not come back.</summary>
    public bool IsFull => _spent <= 0;

    /// <summary>Takes tokens.</summary>
    /// <param name="cost">How many.</param>
    /// <param name="now">The time since any moment that stays the same.</param>
    /// <returns>How long to wait until they would have been there; zero when they are.</returns>
    public TimeSpan Take(double cost, TimeSpan now)
    {
        var left = Math.Max(0, _spent - Math.Max(0, (now - _at).TotalSeconds) * perSecond);
        _spent = Math.Min(left + cost, burst + longest.TotalSeconds * perSecond);
        _at = now;
        return _spent <= burst ? TimeSpan.Zero : TimeSpan.FromSeconds((_spent - burst) / perSecond);
    }
}
