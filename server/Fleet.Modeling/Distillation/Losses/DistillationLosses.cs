using System.Collections.Frozen;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>The losses by the names that build specs use.</summary>
internal static class DistillationLosses
{
    /// <summary>How each is made. Its settings are in <see cref="Contracts.Builds.BuildSpecRules.Losses"/>.</summary>
    public static readonly FrozenDictionary<string, Func<LossSetup, IDistillationLoss>> ByName =
        new Dictionary<string, Func<LossSetup, IDistillationLoss>>
        {
            ["logit"] = setup => setup.Labels is Data.LabelSets
                ? new LabelSetLoss(setup.Setting("temperature")) : new LogitLoss(setup.Setting("temperature")),
            ["dkd"] = setup => new DecoupledLoss(setup.Setting("temperature"), setup.Setting("alpha"), setup.Setting("beta")),
            ["dist"] = setup => new CorrelationLoss(setup.Setting("temperature"), setup.Setting("beta"), setup.Setting("gamma")),
            ["output"] = setup => new OutputLoss(setup),
            ["feature"] = setup => new FeatureLoss(setup),
            ["attention"] = setup => setup.OptionalSetting("heads") is { } heads
                ? new AttentionRelationLoss(setup, (int)heads)
                : new AttentionMapLoss(setup),
            ["relation"] = setup => new RelationLoss(setup),
            ["similarity"] = _ => new SimilarityLoss(),
            ["contrastive"] = setup => new ContrastiveLoss(setup),
        }.ToFrozenDictionary();
}
