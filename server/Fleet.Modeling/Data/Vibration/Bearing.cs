namespace Fleet.Modeling.Data.Vibration;

/// <summary>
/// A rolling-element bearing with a fixed outer ring, and the frequencies at which damage on each of its parts is struck,
/// as multiples of the shaft's. Formulas: R. B. Randall, J. Antoni, "Rolling element bearing diagnostics - a tutorial",
/// Mechanical Systems and Signal Processing 25 (2011) 485-520, equations 1 to 4.
/// </summary>
/// <param name="Elements">Rolling elements.</param>
/// <param name="ElementDiameter">Diameter of one, in the unit of <paramref name="PitchDiameter"/>.</param>
/// <param name="PitchDiameter">Diameter of the circle their centres run on.</param>
/// <param name="ContactAngle">Angle of the load from the radial plane, in radians.</param>
internal sealed record Bearing(int Elements, double ElementDiameter, double PitchDiameter, double ContactAngle)
{
    /// <summary>
    /// 6205-2RS: 9 balls of 0.3126 in on a pitch circle of 1.537 in, as the bearing data center of Case Western Reserve
    /// University gives it (https://engineering.case.edu/bearingdatacenter/bearing-information).
    /// </summary>
    public static readonly Bearing Sealed6205 = new(9, 0.3126, 1.537, 0);

    private double Ratio => ElementDiameter / PitchDiameter * Math.Cos(ContactAngle);

    /// <summary>BPFO, ball pass frequency of the outer race: n/2 (1 - d/D cos a).</summary>
    public double OuterRace => Elements / 2.0 * (1 - Ratio);

    /// <summary>BPFI, ball pass frequency of the inner race: n/2 (1 + d/D cos a).</summary>
    public double InnerRace => Elements / 2.0 * (1 + Ratio);

    /// <summary>FTF, fundamental train (cage) frequency: 1/2 (1 - d/D cos a).</summary>
    public double Cage => (1 - Ratio) / 2;

    /// <summary>BSF, ball spin frequency: D/2d (1 - (d/D cos a)^2). A damaged ball strikes both races, so twice a turn.</summary>
    public double BallSpin => PitchDiameter / (2 * ElementDiameter) * (1 - Ratio * Ratio);
}
