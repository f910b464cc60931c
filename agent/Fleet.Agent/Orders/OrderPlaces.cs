using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Agent.Orders;

/// <summary>What orders say beside their assignments: where they stand among each other, and what they withdraw.</summary>
internal static class OrderPlaces
{
    /// <summary>The place of its order; of one that came before orders were signed, its revision in epoch 0.</summary>
    public static OrderPlace Place(this DesiredState state) => state.ReadOrder()?.Place() ?? new OrderPlace(0, state.Revision);

    /// <summary>Releases that its order withdraws.</summary>
    public static IReadOnlyList<WithdrawnRelease> Withdrawn(this DesiredState state) => state.ReadOrder()?.Withdrawn ?? [];

    private static DeviceOrder? ReadOrder(this DesiredState state) => state.Order is { } envelope ? OrderVerifier.Read(envelope) : null;
}
