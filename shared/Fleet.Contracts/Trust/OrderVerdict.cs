using System.Text.Json.Serialization;

namespace Fleet.Contracts.Trust;

/// <summary>Whether an order is accepted: the order when it is, the fault and one sentence when it is not.</summary>
public sealed record OrderVerdict(DeviceOrder? Order, OrderFault Fault, string Reason)
{
    /// <summary>True when <see cref="Order"/> may be acted on.</summary>
    public bool Accepted => Order is not null;
}

/// <summary>Why a device does not act on what it was told.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<OrderFault>))]
public enum OrderFault
{
    /// <summary>It acts on it.</summary>
    None,
    /// <summary>Nothing signed came with it.</summary>
    Missing,
    /// <summary>It does not read as an order, or breaks a rule of its own.</summary>
    Malformed,
    /// <summary>None of its signatures is by a key of orders.</summary>
    KeyNotTrusted,
    /// <summary>A key of orders is named, but the signature does not hold: the bytes were changed.</summary>
    SignatureInvalid,
    /// <summary>It is an order of another fleet.</summary>
    OtherFleet,
    /// <summary>It is an order to another device.</summary>
    OtherDevice,
    /// <summary>It is of an epoch that a root has ended.</summary>
    EpochOutdated,
    /// <summary>It is of an epoch that no root the device trusts has begun.</summary>
    EpochUnknown,
    /// <summary>A newer order was accepted before.</summary>
    RevisionOutdated,
    /// <summary>Its revision lies further ahead than orders of a true server ever do.</summary>
    RevisionJump,
    /// <summary>Its time has passed.</summary>
    Expired,
    /// <summary>The releases that came with it are not those it names.</summary>
    ReleasesDiffer,
    /// <summary>The root the device trusts has expired, and it was told something new.</summary>
    RootExpired,
    /// <summary>A root came with it that the device does not trust.</summary>
    RootRefused,
    /// <summary>It could not be stored on the device's disk.</summary>
    NotStored,
}
