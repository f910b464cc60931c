using System.Collections.Concurrent;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Messaging;

/// <summary>
/// Lets the holders of an identity that is in use twice take turns, so that none keeps the other from getting anything done: whoever has
/// the session keeps it for <see cref="Turn"/> against connections from elsewhere, and no longer. A holder that connects again and again
/// from where it is draws no turn out. Devices that are not in doubt are not looked at.
/// </summary>
internal sealed class SessionTurns(TimeProvider time)
{
    /// <summary>How long a session is kept from being taken over: enough to hear an order and to send what waits.</summary>
    public static readonly TimeSpan Turn = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<DeviceId, Holder> _contested = new();

    /// <summary>The identity is in use twice.</summary>
    public void Contested(DeviceId device) => _contested.TryAdd(device, new Holder());

    /// <summary>It is in doubt no more.</summary>
    public void Settled(DeviceId device) => _contested.TryRemove(device, out _);

    /// <summary>Takes the session, or says until when another holder has it.</summary>
    /// <returns>Null when it may connect.</returns>
    public DateTimeOffset? Take(DeviceId device, Origin from)
    {
        if (!_contested.TryGetValue(device, out var holder)) return null;
        var now = time.GetUtcNow();
        lock (holder)
        {
            if (holder.From != from)
            {
                // A clock that was set back must not draw a turn out.
                if (holder.IsThere && holder.Since + Turn is var end && end > now && holder.Since <= now) return end;
                (holder.From, holder.Since) = (from, now);
            }
            holder.IsThere = true;
            return null;
        }
    }

    /// <summary>A session from there ended by itself: if it was the holder's, nobody has it.</summary>
    public void Left(DeviceId device, Origin from)
    {
        if (!_contested.TryGetValue(device, out var holder)) return;
        lock (holder)
        {
            // Who was before may be heard to leave only now.
            if (holder.From == from) holder.IsThere = false;
        }
    }

    private sealed class Holder
    {
        public Origin? From { get; set; }

        /// <summary>Since when it is from there. Who leaves and comes back begins no new turn.</summary>
        public DateTimeOffset Since { get; set; }

        public bool IsThere { get; set; }
    }
}
