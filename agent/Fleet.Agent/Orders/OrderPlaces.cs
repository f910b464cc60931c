using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Agent.Orders;

/// <summary>Where desired states stand among each other.</summary>
internal static class OrderPlaces
{
    /// <summary>The place of its order; of one that came before orders were signed, its revision in epoch 0.</summary>
    public static OrderPlace Place(this DesiredState state)
        => state.Order is { } envelope && OrderVerifier.Read(envelope) is { } order ? order.Place() : new OrderPlace(0, state.Revision);
}
