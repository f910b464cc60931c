using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Search;

/// <summary>The data in the shape that each family takes, read as a build of that family reads it.</summary>
/// <param name="spec">What to read.</param>
/// <param name="data">The samples in the shape that they come in.</param>
/// <param name="seed">Seed of every cut.</param>
internal sealed class FamilyData(DataSpec spec, DataSet data, int seed)
{
    private readonly Dictionary<int, View> _views = [];

    /// <summary>The data for a family.</summary>
    /// <exception cref="BuildException">The family does not take such samples.</exception>
    public View Of(string family)
    {
        var shape = data.Training.SampleShape.Count;
        var rank = Families.SampleRank(family) ?? shape;
        if (_views.TryGetValue(rank, out var known)) return known;
        var read = rank == shape ? data : DataSets.Load(spec, rank, seed, data.Training.Values.Room);
        return _views[rank] = new View(read, Normalization.Measure(read.Training), HeldOutParts.Of(read, seed));
    }

    /// <summary>The data in one shape.</summary>
    /// <param name="Data">The samples.</param>
    /// <param name="Normalization">First step of networks that take them.</param>
    /// <param name="Parts">What to train and judge on.</param>
    internal sealed record View(DataSet Data, Normalization Normalization, HeldOutParts Parts);
}
