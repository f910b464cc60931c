using Fleet.Contracts.Http;

namespace Fleet.Server.Messaging;

/// <summary>
/// What one device may still send, apart for each place it sends from: somebody elsewhere who holds a copy of its key has a share of their
/// own. Places beyond <see cref="MostOrigins"/> share one, so that many addresses are worth no more than that.
/// </summary>
internal sealed class DeviceAccount(MessagingOptions options)
{
    /// <summary>Places that are told apart; one that has nothing to pay gives way to a new one, but for the first.</summary>
    public const int MostOrigins = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<Origin, Share> _shares = [];
    private Share? _others;
    private long _refused;
    private string? _lastRefusal;
    private DateTimeOffset? _lastRefusalAt;

    /// <summary>Counts what came from a place.</summary>
    public TrafficVerdict Charge(Origin from, int packets, long bytes, TimeSpan now, DateTimeOffset at)
    {
        lock (_lock) return Of(from, now).Charge(packets, bytes, now, at);
    }

    /// <summary>Counts a message from a place that was refused.</summary>
    public void Refused(Origin from, string reason, int packets, TimeSpan now, DateTimeOffset at)
    {
        lock (_lock)
        {
            Of(from, now).Take(packets, now);
            _refused++;
            (_lastRefusal, _lastRefusalAt) = (reason, at);
        }
    }

    /// <summary>Keeps out what comes from a place.</summary>
    public void Cut(Origin from, TimeSpan now)
    {
        lock (_lock) Of(from, now).Cut(now);
    }

    /// <summary>Until when what comes from a place is kept out; null when it is not.</summary>
    public DateTimeOffset? CutUntil(Origin from, TimeSpan now, DateTimeOffset at)
    {
        lock (_lock) return Of(from, now).CutUntil is { } until && until > now ? at + (until - now) : null;
    }

    /// <summary>
    /// What there is to say; null when there is nothing. Of several places it tells of the one that is kept out, or slowed the longest.
    /// </summary>
    public TrafficView? ToView(TimeSpan now, DateTimeOffset at)
    {
        lock (_lock)
        {
            var cut = All().Where(each => each.Share.CutUntil > now).OrderByDescending(each => each.Share.CutUntil).FirstOrDefault();
            var slowed = All().Where(each => each.Share.SlowedSince is not null).OrderBy(each => each.Share.SlowedSince).FirstOrDefault();
            var view = new TrafficView
            {
                SlowedSince = slowed.Share?.SlowedSince,
                CutUntil = at + (cut.Share?.CutUntil - now),
                From = cut.From ?? slowed.From,
                Refused = _refused,
                LastRefusal = _lastRefusal,
                LastRefusalAt = _lastRefusalAt,
            };
            return view == new TrafficView() ? null : view;
        }
    }

    private IEnumerable<(string From, Share Share)> All()
    {
        foreach (var (from, share) in _shares) yield return (from.ToString(), share);
        if (_others is not null) yield return ("several addresses", _others);
    }

    private Share Of(Origin from, TimeSpan now)
    {
        if (_shares.TryGetValue(from, out var share)) return share;
        if (_shares.Count >= MostOrigins)
        {
            // The first place never gives way: the device was there before whoever copied it.
            var idle = _shares.OrderByDescending(each => each.Value.Since).SkipLast(1)
                .FirstOrDefault(each => each.Value.OwesNothing(now));
            if (idle.Value is null) return _others ??= new Share(options, now);
            _shares.Remove(idle.Key);
        }
        return _shares[from] = new Share(options, now);
    }

    /// <summary>What may come from one place.</summary>
    private sealed class Share(MessagingOptions options, TimeSpan since)
    {
        private readonly TokenBucket _packets = new(options.PacketsPerSecond, options.PacketBurst, options.SlowedAtMost);
        private readonly TokenBucket _bytes = new(options.BytesPerSecond, options.ByteBurst, options.SlowedAtMost);
        private TimeSpan? _slowed;

        public TimeSpan Since => since;

        public DateTimeOffset? SlowedSince { get; private set; }

        /// <summary>By the time that passes: a clock that is set back keeps nobody out for longer.</summary>
        public TimeSpan? CutUntil { get; private set; }

        public TrafficVerdict Charge(int packets, long bytes, TimeSpan now, DateTimeOffset at)
        {
            var (forPackets, forBytes) = (_packets.Take(packets, now), _bytes.Take(bytes, now));
            var wait = forPackets > forBytes ? forPackets : forBytes;
            var begins = wait > TimeSpan.Zero && _slowed is null;
            if (begins) (_slowed, SlowedSince) = (now, at);
            if (_packets.HasRecovered && _bytes.HasRecovered) (_slowed, SlowedSince) = (null, null);
            if (_slowed is not { } since || now - since < options.SlowedAtMost) return new(wait, begins, false);
            CutUntil = now + options.CutFor;
            (_slowed, SlowedSince) = (null, null);
            return new(wait, begins, true);
        }

        public void Take(int packets, TimeSpan now) => _packets.Take(packets, now);

        public void Cut(TimeSpan now) => CutUntil = now + options.CutFor;

        public bool OwesNothing(TimeSpan now)
        {
            _packets.Take(0, now);
            _bytes.Take(0, now);
            return _packets.IsFull && _bytes.IsFull && !(CutUntil > now);
        }
    }
}
