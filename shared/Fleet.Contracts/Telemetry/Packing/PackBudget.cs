namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>What one pack may still take of the reader's memory: what is short on the wire may be long there.</summary>
internal struct PackBudget()
{
    /// <summary>Columns of buckets, classes and tenths.</summary>
    public int Columns = Packing.Columns.Most;

    /// <summary>Counts of classes, each of which is a number in a list.</summary>
    public long ClassCounts = Packing.Columns.MostClassCounts;
}
