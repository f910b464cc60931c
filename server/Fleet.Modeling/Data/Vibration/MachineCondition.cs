namespace Fleet.Modeling.Data.Vibration;

/// <summary>The state of a rotating machine, in the order of the class numbers.</summary>
internal enum MachineCondition
{
    /// <summary>Nothing wrong: some residual imbalance, noise.</summary>
    Healthy,
    /// <summary>Mass off the axis: a strong component at the shaft's frequency, growing with its square.</summary>
    Imbalance,
    /// <summary>Shafts that do not line up: components at two and three times the shaft's frequency.</summary>
    Misalignment,
    /// <summary>Inner-race damage: strikes at BPFI, stronger once a turn as the damage passes the load.</summary>
    InnerRace,
    /// <summary>Outer-race damage: even strikes at BPFO.</summary>
    OuterRace,
    /// <summary>Ball damage: strikes at twice BSF, swelling with the cage's frequency.</summary>
    Ball,
}
