#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/parse.h"
#include "config/config.h"

namespace mqd::config {
namespace {

using Meaning = RocketmqKey::Meaning;
constexpr auto honoured = Meaning::honoured;
constexpr auto none = Meaning::none;
constexpr auto promise = Meaning::promise;

// Which values promise what is not kept. Java takes anything but "true" for false: here all but
// "false" counts, so that a typing mistake opens nothing.
bool is_same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
    });
}
bool is_set(std::string_view value) {
    return !value.empty() && value != "\"\"";
}
bool is_on(std::string_view value) {
    return is_set(value) && !is_same(value, "false");
}
bool is_not_zero(std::string_view value) {
    return value != "0";
}
bool is_over_one(std::string_view value) {
    const auto number = parse_int<std::int64_t>(value);
    return !number || *number > 1;
}
bool is_slave(std::string_view value) {
    return is_same(value, "SLAVE");
}
bool is_several(std::string_view value) {
    return value.find(',') != std::string_view::npos;
}
bool is_enforcing(std::string_view value) {
    return is_set(value) && !is_same(value, "disabled") && !is_same(value, "permissive");
}
bool is_required(std::string_view value) {
    return is_set(value) && !is_same(value, "none") && !is_same(value, "optional");
}
bool is_proxy(std::string_view value) {
    return is_set(value) && value != "{}";
}
bool is_other_store(std::string_view value) {
    return is_set(value) && !is_same(value, "default");
}
bool is_not_v1(std::string_view value) {
    return is_set(value) && !is_same(value, "v1");
}
bool is_not_1g(std::string_view value) {
    return value != "1073741824";
}
bool is_not_6m(std::string_view value) {
    return value != "6000000";
}

// Why not.
constexpr std::string_view no_lock =
    "mqd does not check accounts and permissions yet, and would run unprotected";
constexpr std::string_view no_pull_ban = "mqd does not refuse pull consumers";
constexpr std::string_view no_tls = "mqd does not speak TLS yet";
constexpr std::string_view no_proxy = "mqd connects to name servers itself, not through a proxy";
constexpr std::string_view no_slave = "mqd has no slaves yet: each broker is a master";
constexpr std::string_view no_replicas = "mqd keeps no second copy of a message yet";
constexpr std::string_view no_controller = "mqd has no controller yet, and does not follow one";
constexpr std::string_view no_dledger = "mqd has no DLedger, and cannot read such a store";
constexpr std::string_view no_container =
    "mqd runs one broker in a process: start a broker for each file";
constexpr std::string_view no_rocksdb =
    "mqd does not use RocksDB, and would not see the data in it";
constexpr std::string_view no_plug_in = "mqd has neither store plug-ins nor tiered storage";
constexpr std::string_view one_log = "mqd keeps the commit log in one directory";
constexpr std::string_view old_size =
    "files of that size need the key that RocketMQ reads since 4.8";
constexpr std::string_view no_lmq = "mqd does not dispatch to light message queues";
constexpr std::string_view no_lookup =
    "mqd does not ask an address server for the name servers: write namesrvAddr";

// Whatever a setter of RocketMQ 5.3.3's BrokerConfig, MessageStoreConfig (also the tiered
// store's), NamesrvConfig, NettyServerConfig, NettyClientConfig, AuthConfig, ControllerConfig,
// JraftConfig and BrokerContainerConfig takes; TLS' properties; and keys of 4.x and of files in
// RocketMQ's conf/ that are not read any more. Sorted. What is honoured stands in the daemons'
// own tables (broker/settings.cpp, namesrv/options.cpp), which tests hold against this one.
// A row: name, class, which values are a promise, why it is not kept, what to write instead, and
// the switch that it belongs to: a file that turns that off promises nothing.
// clang-format off
constexpr auto rows = std::to_array<RocketmqKey>({
    {"abortFile", honoured}, {"accessMessageInMemoryHotRatio", none},
    {"accessMessageInMemoryMaxRatio", honoured}, {"accountStatsEnable", none},
    {"accountStatsPrintZeroValues", none}, {"ackMessageThreadPoolNums", none},
    {"ackThreadPoolQueueCapacity", none}, {"aclCacheExpiredSecond", none},
    {"aclCacheMaxNum", none}, {"aclCacheRefreshSecond", none},
    {"aclEnable", promise, is_on, no_lock},
    {"adminBrokerThreadPoolNums", none}, {"adminBrokerThreadPoolQueueCapacity", none},
    {"allAckInSyncStateSet", promise, is_on, no_replicas},
    {"allowRecallWhenBrokerNotWriteable", none}, {"appendAckAsync", none},
    {"appendCkAsync", none},
    {"asyncLearner", promise, is_on, no_replicas},
    {"asyncSendEnable", none},
    {"authConfigPath", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"authenticationEnabled", promise, is_on, no_lock},
    {"authenticationMetadataProvider", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"authenticationProvider", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"authenticationStrategy", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"authenticationWhitelist", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"authorizationEnabled", promise, is_on, no_lock},
    {"authorizationMetadataProvider", promise, is_set, no_lock, "", "authorizationEnabled"},
    {"authorizationProvider", promise, is_set, no_lock, "", "authorizationEnabled"},
    {"authorizationStrategy", promise, is_set, no_lock, "", "authorizationEnabled"},
    {"authorizationWhitelist", promise, is_set, no_lock, "", "authorizationEnabled"},
    {"autoCreateSubscriptionGroup", honoured}, {"autoCreateTopicEnable", honoured},
    {"autoDeleteUnusedStats", none}, {"autoMessageVersionOnTopicLen", none},
    {"autoTraceBrokerEnable", none}, {"batchDispatchRequestThreadPoolNums", none},
    {"bindAddress", honoured}, {"bitMapLengthConsumeQueueExt", none},
    {"bottomMostCompressionTypeForConsumeQueueStore", none},
    {"broadcastOffsetExpireMaxSecond", none}, {"broadcastOffsetExpireSecond", none},
    {"brokerClusterName", honoured}, {"brokerCommercial", none}, {"brokerConfigPath", none},
    {"brokerConfigPaths", promise, is_set, no_container},
    {"brokerElectionPriority", none}, {"brokerFastFailureEnable", none},
    {"brokerHeartbeatInterval", none}, {"brokerIP1", honoured}, {"brokerIP2", none},
    {"brokerId", honoured, is_not_zero, no_slave, "write brokerId=0, and a brokerName of its own"},
    {"brokerName", honoured}, {"brokerNotActiveTimeoutMillis", none},
    {"brokerPermission", honoured},
    {"brokerRole", honoured, is_slave, no_slave, "write brokerRole=ASYNC_MASTER, and a brokerName of its own"},
    {"brokerTopicEnable", honoured}, {"cgColdReadThreshold", none},
    {"channelExpiredTimeout", honoured}, {"channelNotActiveInterval", none},
    {"checkCRCOnRecover", honoured}, {"checkSyncStateSetPeriod", none},
    {"checkTransactionMessageEnable", none}, {"cleanFileForciblyEnable", honoured},
    {"cleanOfflineBrokerInterval", none}, {"cleanResourceInterval", honoured},
    {"cleanRocksDBDirtyCQIntervalMin", none}, {"cleanSwapedMapInterval", none},
    {"clearRetryTopicWhenDeleteTopic", none}, {"clientAsyncSemaphoreValue", none},
    {"clientCallbackExecutorThreads", none}, {"clientChannelMaxIdleTimeSeconds", none},
    {"clientCloseSocketIfTimeout", none}, {"clientManageThreadPoolNums", none},
    {"clientManagerThreadPoolQueueCapacity", none}, {"clientOnewaySemaphoreValue", none},
    {"clientPooledByteBufAllocatorEnable", none}, {"clientRequestThreadPoolNums", none},
    {"clientRequestThreadPoolQueueCapacity", none}, {"clientSocketRcvBufSize", none},
    {"clientSocketSndBufSize", none}, {"clientWorkerThreads", none}, {"clusterName", none},
    {"clusterTest", none}, {"clusterTopicEnable", honoured}, {"coldCtrStrategyEnable", none},
    {"coldDataFlowControlEnable", none}, {"coldDataScanEnable", none},
    {"combineAssignOffsetCQType", none}, {"combineCQEnableCheckSelf", none},
    {"combineCQLoadingCQTypes", none}, {"combineCQMaxExtraSearchCommitLogFiles", none},
    {"combineCQPreferCQType", none}, {"commercialBaseCount", none},
    {"commercialSizePerMsg", none}, {"commitCommitLogLeastPages", none},
    {"commitCommitLogThoroughInterval", none}, {"commitIntervalCommitLog", none},
    {"commitLogForceSwapMapInterval", none}, {"commitLogRollingInterval", none},
    {"commitLogRollingMinimumSize", none}, {"commitLogSwapMapInterval", none},
    {"commitLogSwapMapReserveFileNum", none}, {"compactionCqMappedFileSize", none},
    {"compactionMappedFileSize", none}, {"compactionScheduleInternal", none},
    {"compactionThreadNum", none}, {"compatibleWithOldNameSrv", none},
    {"compressedRegister", none}, {"configBlackList", honoured},
    {"configManagerVersion", promise, is_not_v1, no_rocksdb, "write configManagerVersion=v1"},
    {"configName", none}, {"configStorePath", honoured}, {"connectTimeoutMillis", none},
    {"consumerFallbehindThreshold", none}, {"consumerManageThreadPoolNums", none},
    {"consumerManagerThreadPoolQueueCapacity", none}, {"consumerOffsetUpdateVersionStep", none},
    {"controllerAddr", promise, is_set, no_controller, "", "enableControllerMode"},
    {"controllerDLegerGroup", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"controllerDLegerPeers", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"controllerDLegerSelfId", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"controllerHeartBeatTimeoutMills", none}, {"controllerRequestThreadPoolQueueCapacity", none},
    {"controllerStorePath", none}, {"controllerThreadPoolNums", none}, {"controllerType", none},
    {"correctLogicMinOffsetForceInterval", none}, {"correctLogicMinOffsetSleepInterval", none},
    {"dLegerGroup", promise, is_set, no_dledger, "", "enableDLegerCommitLog"},
    {"dLegerPeers", promise, is_set, no_dledger, "", "enableDLegerCommitLog"},
    {"dLegerSelfId", promise, is_set, no_dledger, "", "enableDLegerCommitLog"},
    {"dataReadAheadEnable", none}, {"debugLockEnable", none}, {"defaultMessageRequestMode", none},
    {"defaultPopShareQueueNum", none}, {"defaultQueryMaxNum", none},
    {"defaultReadQueueNums", none}, {"defaultThreadPoolNums", none},
    {"defaultThreadPoolQueueCapacity", none}, {"defaultTopicQueueNums", honoured},
    {"defaultWriteQueueNums", none}, {"delayOffsetUpdateVersionStep", none},
    {"deleteCommitLogFilesInterval", honoured}, {"deleteConsumeQueueFilesInterval", none},
    {"deleteFileBatchMax", honoured}, {"deleteTopicWithBrokerRegistration", honoured},
    {"deleteWhen", honoured}, {"destroyMapedFileIntervalForcibly", none},
    {"disableCallbackExecutor", none}, {"disableConsumeIfConsumerReadSlowly", none},
    {"disableNettyWorkerGroup", none}, {"disappearTimeAfterStart", none},
    {"diskFallRecorded", none}, {"diskMaxUsedSpaceRatio", honoured},
    {"diskSpaceCleanForciblyRatio", honoured}, {"diskSpaceWarningLevelRatio", honoured},
    {"dispatchCqCacheNum", none}, {"dispatchCqThreads", none}, {"dispatchFromSenderThread", none},
    {"duplicationEnable", promise, is_on, no_replicas},
    {"electMasterMaxRetryCount", none}, {"enableAcceleratedRecovery", none},
    {"enableAllTopicList", honoured}, {"enableAsyncReput", none},
    {"enableAutoInSyncReplicas", promise, is_on, no_replicas},
    {"enableBatchPush", none}, {"enableBroadcastOffsetStore", none},
    {"enableBuildConsumeQueueConcurrently", none}, {"enableCalcFilterBitMap", none},
    {"enableCleanExpiredOffset", none}, {"enableCompaction", none},
    {"enableConnectionMetrics", none}, {"enableConsumeQueueExt", none},
    {"enableControllerInNamesrv", promise, is_on, no_controller},
    {"enableControllerMode", promise, is_on, no_controller},
    {"enableCreateSysGroup", none},
    {"enableDLegerCommitLog", promise, is_on, no_dledger},
    {"enableDetailStat", none}, {"enableElectUncleanMaster", none},
    {"enableFastChannelEventProcess", none}, {"enableIncrementalTopicCreation", none},
    {"enableLagAndDlqMetrics", none},
    {"enableLmq", promise, is_on, no_lmq},
    {"enableLmqStats", none}, {"enableLogConsumeQueueRepeatedlyBuildWhenRecover", none},
    {"enableMessageStoreMetrics", none}, {"enableMixedMessageType", none},
    {"enableMultiDispatch", promise, is_on, no_lmq},
    {"enableNetWorkFlowControl", none}, {"enableNotifyAfterPopOrderLockRelease", none},
    {"enableNotifyBeforePopCalculateLag", none}, {"enablePopBatchAck", none},
    {"enablePopBufferMerge", none}, {"enablePopLog", none}, {"enablePopMessageThreshold", none},
    {"enablePopMetrics", none}, {"enablePropertyFilter", honoured},
    {"enableReconnectForGoAway", none}, {"enableRegisterProducer", none},
    {"enableRemoteEscape", promise, is_on, no_replicas},
    {"enableRemotingMetrics", none}, {"enableRequestMetrics", none}, {"enableRetryTopicV2", none},
    {"enableRocksDBLog", none}, {"enableRunningFlagsInFlush", none},
    {"enableScheduleAsyncDeliver", none}, {"enableScheduleMessageStats", none},
    {"enableShutdownGracefully", honoured}, {"enableSingleTopicRegister", none},
    {"enableSkipLongAwaitingAck", none},
    {"enableSlaveActingMaster", promise, is_on, no_replicas},
    {"enableSplitMetadata", none}, {"enableSplitRegistration", none},
    {"enableStartupController", promise, is_on, no_controller},
    {"enableStatsMetrics", none}, {"enableTopicList", honoured},
    {"enableTransactionMetrics", none}, {"enabledAppendPropCRC", honoured},
    {"endTransactionPoolQueueCapacity", none}, {"endTransactionThreadPoolNums", none},
    {"estimateAccumulation", none}, {"expectConsumerNumUseFilter", none},
    {"fastFailIfNoBufferInStorePool", none},
    {"fetchControllerAddrByDnsLookup", promise, is_on, no_controller},
    {"fetchNameSrvAddrByDnsLookup", promise, is_on, no_lookup},
    {"fetchNamesrvAddrByAddressServer", promise, is_on, no_lookup},
    {"fetchNamesrvAddrInterval", none}, {"fileReservedTime", honoured},
    {"filterDataCleanTimeSpan", none}, {"filterServerNums", none}, {"filterSupportRetry", none},
    {"flushCommitLogLeastPages", none}, {"flushCommitLogThoroughInterval", honoured},
    {"flushCommitLogTimed", none}, {"flushConsumeQueueLeastPages", none},
    {"flushConsumeQueueThoroughInterval", none}, {"flushConsumerOffsetHistoryInterval", none},
    {"flushConsumerOffsetInterval", honoured}, {"flushDelayOffsetInterval", honoured},
    {"flushDiskType", honoured}, {"flushIntervalCommitLog", honoured},
    {"flushIntervalConsumeQueue", honoured}, {"flushLeastPagesWhenWarmMapedFile", none},
    {"forceRegister", none}, {"forceVerifyPropCRC", honoured}, {"forwardTimeout", none},
    {"globalColdReadThreshold", none}, {"haFlowControlEnable", none},
    {"haHousekeepingInterval", none}, {"haListenPort", none},
    {"haMasterAddress", promise, is_set, no_slave},
    {"haMaxGapNotInSync", none}, {"haMaxTimeSlaveNotCatchup", none},
    {"haSendHeartbeatInterval", none}, {"haTransferBatchSize", none},
    {"heartbeatThreadPoolNums", none}, {"heartbeatThreadPoolQueueCapacity", none},
    {"highSpeedMode", none},
    {"inBrokerContainer", promise, is_on, no_container},
    {"inSyncReplicas", honoured},
    {"initAuthenticationUser", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"initPopOffsetByCheckMsgInMem", none},
    {"innerClientAuthenticationCredentials", promise, is_set, no_lock, "", "authenticationEnabled"},
    {"isolateLogEnable", none},
    {"jRaftControllerRPCAddr", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"jRaftElectionTimeoutMs", none},
    {"jRaftGroupId", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"jRaftInitConf", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"jRaftScanWaitTimeoutMs", none},
    {"jRaftServerId", promise, is_set, no_controller, "", "enableControllerInNamesrv"},
    {"jRaftSnapshotIntervalSecs", none}, {"jraftConfig", none}, {"kvConfigPath", honoured},
    {"listenPort", honoured}, {"litePullMessageEnable", honoured},
    {"litePullMessageThreadPoolNums", none}, {"litePullThreadPoolQueueCapacity", none},
    {"loadBalancePollNameServerInterval", none}, {"loadBalanceProcessorThreadPoolNums", none},
    {"loadBalanceThreadPoolQueueCapacity", none}, {"lockInStrictMode", none},
    {"logicQueueForceSwapMapInterval", none}, {"logicQueueSwapMapInterval", none},
    {"logicQueueSwapMapReserveFileNum", none}, {"logicalDiskSpaceCleanForciblyThreshold", none},
    {"longPollingEnable", honoured},
    {"mapedFileSizeCommitLog", promise, is_not_1g, old_size, "write mappedFileSizeCommitLog"},
    {"mapedFileSizeConsumeQueue", promise, is_not_6m, old_size, "write mappedFileSizeConsumeQueue"},
    {"mapedFileSizeConsumeQueueExt", none}, {"mappedFileSize", none},
    {"mappedFileSizeCommitLog", honoured}, {"mappedFileSizeConsumeQueue", honoured},
    {"mappedFileSizeConsumeQueueExt", none}, {"mappedFileSizeTimerLog", honoured},
    {"mappedFileSwapEnable", none}, {"mapperFileSizeBatchConsumeQueue", honoured},
    {"maxAsyncPutMessageRequests", none}, {"maxBatchDeleteFilesNum", none},
    {"maxChecksumRange", none}, {"maxConsumeQueueScan", none},
    {"maxErrorRateOfBloomFilter", none}, {"maxFilterMessageSize", honoured},
    {"maxHaTransferByteInSecond", none}, {"maxHashSlotNum", honoured}, {"maxIndexNum", honoured},
    {"maxLmqConsumeQueueNum", none}, {"maxMessageSize", honoured}, {"maxMsgsNumBatch", none},
    {"maxOffsetMapSize", none}, {"maxPopPollingSize", none},
    {"maxReconnectIntervalTimeSeconds", none}, {"maxRecoveryCommitlogFiles", none},
    {"maxSlaveResendLength", none}, {"maxStatsIdleTimeInMinutes", none}, {"maxTopicLength", none},
    {"maxTransferBytesOnMessageInDisk", none}, {"maxTransferBytesOnMessageInMemory", honoured},
    {"maxTransferCountOnMessageInDisk", none}, {"maxTransferCountOnMessageInMemory", honoured},
    {"memTableFlushIntervalMs", none}, {"messageDelayLevel", honoured},
    {"messageIndexEnable", honoured}, {"messageIndexSafe", none},
    {"messageRequestModeSyncInterval", none},
    {"messageStorePlugIn", promise, is_set, no_plug_in},
    {"metricGrpcExporterIntervalInMills", none}, {"metricGrpcExporterTimeOutInMills", none},
    {"metricLoggingExporterIntervalInMills", none}, {"metricsExporterType", none},
    {"metricsGrpcExporterHeader", none}, {"metricsGrpcExporterTarget", none},
    {"metricsInDelta", none}, {"metricsLabel", none}, {"metricsOtelCardinalityLimit", none},
    {"metricsPromExporterHost", none}, {"metricsPromExporterPort", none},
    {"migrateAuthFromV1Enabled", promise, is_on, no_lock},
    {"minInSyncReplicas", promise, is_over_one, no_replicas, "write 1"},
    {"msgTraceTopicName", honoured}, {"multiPathSplitter", none}, {"namesrvAddr", honoured},
    {"needWaitForService", honoured}, {"notifyBrokerRoleChanged", none},
    {"notifyConsumerIdsChangedEnable", honoured}, {"notifyMinBrokerIdChanged", none},
    {"objectStoreAccessKey", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"objectStoreBucket", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"objectStoreEndpoint", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"objectStoreRegion", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"objectStoreSecretKey", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"offsetCheckInSlave", none}, {"orderMessageEnable", honoured},
    {"osPageCacheBusyTimeOutMills", none}, {"popCkMaxBufferSize", none},
    {"popCkOffsetMaxQueueSize", none}, {"popCkStayBufferTime", none},
    {"popCkStayBufferTimeOut", none}, {"popConsumerFSServiceInit", none},
    {"popConsumerKVServiceEnable", none}, {"popConsumerKVServiceInit", none},
    {"popConsumerKVServiceLog", none}, {"popFromRetryProbability", none},
    {"popInflightMessageThreshold", none}, {"popLongPollingForceNotifyInterval", none},
    {"popPollingMapExpireTimeSeconds", none}, {"popPollingMapSize", none},
    {"popPollingSize", none}, {"popResponseReturnActualRetryTopic", none},
    {"popReviveMaxAttemptTimes", none}, {"popReviveMaxReturnSizePerRead", none},
    {"preferredLeaderId", promise, is_set, no_dledger, "", "enableDLegerCommitLog"},
    {"printChannelGroups", none}, {"printChannelGroupsMinNum", none}, {"processReadEvent", none},
    {"processReplyMessageThreadPoolNums", none}, {"productEnvName", none},
    {"pullBatchMaxMessageCount", none}, {"pullMessageThreadPoolNums", honoured},
    {"pullThreadPoolQueueCapacity", none}, {"putConsumeQueueDataByFileChannel", none},
    {"putMessageFutureThreadPoolNums", none}, {"putMessageTimeout", none},
    {"putMsgIndexHightWater", none}, {"putThreadPoolQueueCapacity", none},
    {"queryMessageThreadPoolNums", none}, {"queryThreadPoolQueueCapacity", none},
    {"readAheadCacheEnable", none}, {"readAheadCacheExpireDuration", none},
    {"readAheadCacheSizeThresholdRate", none}, {"readAheadMessageCountThreshold", none},
    {"readAheadMessageSizeThreshold", none},
    {"readOnlyCommitLogStorePaths", promise, is_set, one_log},
    {"readUnCommitted", none}, {"realTimeNotifyConsumerChange", none},
    {"realTimePersistRocksDBConfig", none}, {"recallMessageEnable", honoured},
    {"recheckReputOffsetFromCq", none}, {"recordGetMessageResult", none},
    {"recoverConcurrently", none}, {"recoverThreadPoolNums", none},
    {"redeleteHangedFileInterval", none}, {"regionId", honoured},
    {"registerBrokerTimeoutMills", honoured}, {"registerNameServerPeriod", honoured},
    {"rejectPullConsumerEnable", promise, is_on, no_pull_ban},
    {"rejectTransactionMessage", honoured}, {"replicasPerDiskPartition", none},
    {"replyThreadPoolQueueCapacity", none}, {"retrieveMessageFromPopRetryTopicV1", none},
    {"returnOrderTopicConfigToBroker", honoured}, {"reviveAckWaitMs", none},
    {"reviveInterval", none}, {"reviveMaxSlow", none}, {"reviveQueueNum", none},
    {"reviveScanTime", none},
    {"rmqAddressServerDomain", promise, is_set, no_lookup, "", "fetchNamesrvAddrByAddressServer"},
    {"rmqAddressServerSubGroup", promise, is_set, no_lookup, "", "fetchNamesrvAddrByAddressServer"},
    {"rocketmqHome", none},
    {"rocksdbCQDoubleWriteEnable", promise, is_on, no_rocksdb},
    {"rocksdbCompressionType", none}, {"rocksdbFlushWalFrequency", none},
    {"rocksdbWalFileRollingThreshold", none}, {"sampleCountThreshold", none},
    {"sampleSteps", none}, {"scanAvailableNameSrv", none}, {"scanInactiveMasterInterval", none},
    {"scanNotActiveBrokerInterval", honoured}, {"scheduleAsyncDeliverMaxPendingLimit", none},
    {"scheduleAsyncDeliverMaxResendNum2Blocked", none}, {"searchBcqByCacheEnable", none},
    {"sendHeartbeatTimeoutMillis", none}, {"sendMessageThreadPoolNums", none},
    {"sendThreadPoolQueueCapacity", none}, {"serverAsyncSemaphoreValue", none},
    {"serverCallbackExecutorThreads", none}, {"serverChannelMaxIdleTimeSeconds", honoured},
    {"serverLoadBalancerEnable", none}, {"serverNettyWorkerGroupEnable", none},
    {"serverOnewaySemaphoreValue", none}, {"serverPooledByteBufAllocatorEnable", none},
    {"serverSelectorThreads", honoured}, {"serverSocketBacklog", none},
    {"serverSocketRcvBufSize", none}, {"serverSocketSndBufSize", none},
    {"serverWorkerThreads", none}, {"shortPollingTimeMills", honoured},
    {"shutdownWaitTimeSeconds", honoured}, {"skipPreOnline", none},
    {"skipWhenCKRePutReachMaxTimes", none}, {"slaveReadEnable", none}, {"slaveTimeout", honoured},
    {"socksProxyConfig", promise, is_proxy, no_proxy},
    {"spinLockCollisionRetreatOptimalDegree", none}, {"splitMetadataSize", none},
    {"splitRegistrationSize", none}, {"startAcceptSendRequestTimeStamp", honoured},
    {"statRocksDBCQIntervalSec", none}, {"statefulAuthenticationCacheExpiredSecond", none},
    {"statefulAuthenticationCacheMaxNum", none},
    {"statefulAuthorizationCacheExpiredSecond", none}, {"statefulAuthorizationCacheMaxNum", none},
    {"storeCheckpoint", honoured}, {"storePathBatchConsumeQueue", honoured},
    {"storePathBrokerIdentity", none},
    {"storePathCommitLog", honoured, is_several, one_log, "write one path"},
    {"storePathConsumeQueue", honoured},
    {"storePathDLedgerCommitLog", promise, is_set, no_dledger, "", "enableDLegerCommitLog"},
    {"storePathEpochFile", none}, {"storePathIndex", honoured}, {"storePathRootDir", honoured},
    {"storeReplyMessageEnable", honoured},
    {"storeType", promise, is_other_store, no_rocksdb, "write storeType=default"},
    {"subscriptionExpiredTimeout", none}, {"supportActingMaster", honoured},
    {"syncBrokerMemberGroupPeriod", none}, {"syncBrokerMetadataPeriod", none},
    {"syncControllerMetadataPeriod", none}, {"syncFlushTimeout", honoured},
    {"syncFromLastFile", none}, {"syncMasterFlushOffsetWhenStartup", none},
    {"tieredBackendServiceProvider", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"tieredMetadataServiceProvider", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"tieredStorageLevel", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"tieredStoreCommitLogMaxSize", none}, {"tieredStoreConsumeQueueMaxSize", none},
    {"tieredStoreCrcCheckEnable", none}, {"tieredStoreDeleteFileEnable", none},
    {"tieredStoreDeleteFileInterval", none},
    {"tieredStoreFilePath", promise, is_set, no_plug_in, "", "messageStorePlugIn"},
    {"tieredStoreFileReservedTime", none}, {"tieredStoreGroupCommit", none},
    {"tieredStoreGroupCommitCount", none}, {"tieredStoreGroupCommitSize", none},
    {"tieredStoreGroupCommitTimeout", none}, {"tieredStoreIndexFileMaxHashSlotNum", none},
    {"tieredStoreIndexFileMaxIndexNum", none}, {"tieredStoreMaxGroupCommitCount", none},
    {"tieredStoreMaxPendingLimit", none}, {"timerCheckMetricsWhen", none},
    {"timerColdDataCheckIntervalMs", none}, {"timerCongestNumEachSlot", none},
    {"timerEnableCheckMetrics", none}, {"timerEnableDisruptor", none},
    {"timerEnableRetryUntilSuccess", none}, {"timerFlushIntervalMs", none},
    {"timerGetMessageThreadNum", none}, {"timerInterceptDelayLevel", none},
    {"timerMaxDelaySec", honoured}, {"timerMetricSmallThreshold", none},
    {"timerPrecisionMs", honoured}, {"timerProgressLogIntervalMs", none},
    {"timerPutMessageThreadNum", none}, {"timerRollWindowSlot", none},
    {"timerSkipUnknownError", none}, {"timerStopDequeue", none}, {"timerStopEnqueue", none},
    {"timerWarmEnable", none}, {"timerWheelEnable", honoured},
    {"tls.client.authServer", promise, is_on, no_tls, "", "useTLS"},
    {"tls.client.certPath", promise, is_set, no_tls, "", "useTLS"},
    {"tls.client.keyPassword", promise, is_set, no_tls, "", "useTLS"},
    {"tls.client.keyPath", promise, is_set, no_tls, "", "useTLS"},
    {"tls.client.trustCertPath", promise, is_set, no_tls, "", "useTLS"},
    {"tls.config.file", promise, is_set, no_tls},
    {"tls.enable", promise, is_on, no_tls},
    {"tls.server.authClient", promise, is_on, no_tls},
    {"tls.server.certPath", promise, is_set, no_tls, "", "tls.server.mode"},
    {"tls.server.keyPassword", promise, is_set, no_tls, "", "tls.server.mode"},
    {"tls.server.keyPath", promise, is_set, no_tls, "", "tls.server.mode"},
    {"tls.server.mode", promise, is_enforcing, no_tls, "write tls.server.mode=disabled"},
    {"tls.server.need.client.auth", promise, is_required, no_tls, "write tls.server.need.client.auth=none"},
    {"tls.server.trustCertPath", promise, is_set, no_tls, "", "tls.server.mode"},
    {"tls.test.mode.enable", none}, {"topicQueueLockNum", none},
    {"totalReplicas", promise, is_over_one, no_replicas, "write 1"},
    {"traceOn", honoured}, {"traceTopicEnable", honoured}, {"transactionCheckInterval", honoured},
    {"transactionCheckMax", honoured}, {"transactionMetricFlushInterval", honoured},
    {"transactionOpBatchInterval", none}, {"transactionOpMsgMaxSize", none},
    {"transactionTimeOut", honoured}, {"transferMsgByHeap", none},
    {"transferOffsetJsonToRocksdb", promise, is_on, no_rocksdb},
    {"transientStorePoolEnable", none}, {"transientStorePoolSize", none},
    {"travelCqFileNumWhenGetMessage", none}, {"unRegisterBrokerQueueCapacity", none},
    {"updateNameServerAddrPeriod", none}, {"updateNamesrvAddrInterval", none},
    {"useABSLock", none}, {"useEpollNativeSelector", none}, {"usePIDColdCtrStrategy", none},
    {"useReentrantLockWhenPutMessage", none}, {"useServerSideResetOffset", honoured},
    {"useStaticSubscription", none},
    {"useTLS", promise, is_on, no_tls},
    {"userCacheExpiredSecond", none}, {"userCacheMaxNum", none}, {"userCacheRefreshSecond", none},
    {"validateSystemTopicWhenUpdateTopic", honoured}, {"waitSecondsForService", honoured},
    {"waitTimeMillsInAckQueue", none}, {"waitTimeMillsInAdminBrokerQueue", none},
    {"waitTimeMillsInHeartbeatQueue", none}, {"waitTimeMillsInLitePullQueue", none},
    {"waitTimeMillsInPullQueue", none}, {"waitTimeMillsInSendQueue", none},
    {"waitTimeMillsInTransactionQueue", none}, {"wakeCommitWhenPutMessage", none},
    {"wakeFlushWhenPutMessage", none}, {"warmMapedFileEnable", none},
    {"writeBufferHighWaterMark", none}, {"writeBufferLowWaterMark", none},
    {"writeWithoutMmap", none},
});
// clang-format on
static_assert(std::is_sorted(rows.begin(), rows.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

std::string instead_of(const RocketmqKey& key) {
    if (!key.instead.empty()) return std::string(key.instead);
    return key.asks == is_on ? fmt::format("write {}=false", key.name) : "remove the line";
}

}  // namespace

std::span<const RocketmqKey> rocketmq_keys() {
    return rows;
}

const RocketmqKey* find_rocketmq_key(std::string_view name) {
    const auto at = std::lower_bound(
        rows.begin(), rows.end(), name,
        [](const RocketmqKey& key, std::string_view wanted) { return key.name < wanted; });
    return at == rows.end() || at->name != name ? nullptr : &*at;
}

std::optional<std::string> broken_promise(
    std::string_view name, std::string_view value,
    const std::function<std::string_view(std::string_view name)>& other) {
    const auto* key = find_rocketmq_key(name);
    if (key == nullptr || key->asks == nullptr || !key->asks(value)) return std::nullopt;
    if (const auto* owner = find_rocketmq_key(key->belongs_to)) {
        const auto set = other(owner->name);
        if (!set.empty() && !owner->asks(set)) return std::nullopt;
    }
    return fmt::format("{}: {}: {}", name, key->why, instead_of(*key));
}

}  // namespace mqd::config
